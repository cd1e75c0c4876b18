"""Commands that span capabilities, over HTTP, a module for each subject."""
