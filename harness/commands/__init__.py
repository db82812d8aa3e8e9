"""One module a command or group of commands; ``harness.cli`` puts them together."""
