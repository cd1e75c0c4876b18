"""The tests: they mirror the package, plus scenarios, simulation, architecture and end-to-end."""
