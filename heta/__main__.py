"""`python -m heta`: the same as the `heta` command."""

from heta.cli import main

main()
