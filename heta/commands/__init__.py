"""Commands of the attribution library, one module each; `heta` finds them by entry point (`heta.commands`)."""
