"""What a run says: one document, spelled for terminal, notebook, page, Markdown; and plots."""
