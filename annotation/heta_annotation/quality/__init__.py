"""How well raters work: what is worth a look before anybody is paused."""
