"""HETA bench: how much each input token mattered for a token that a language model generates."""

__all__: list[str] = []
