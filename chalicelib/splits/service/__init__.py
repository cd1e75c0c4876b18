"""The commands on splits and the questions about them, a module for each subject."""
