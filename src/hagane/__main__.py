"""`python -m hagane`."""

from hagane.cli.main import main

main()
