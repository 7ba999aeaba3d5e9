"""A real experiment replayed: Kevin Hillstrom's e-mail challenge of 2008, figure by figure."""
