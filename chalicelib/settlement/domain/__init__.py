"""What ties capabilities together, as pure rules, a module for each subject."""
