"""The trades' own commands and questions, a module for each subject. What moves money with them is in
`chalicelib.settlement`."""
