"""Consents: an enterprise lets a bank see and use its data, under its own key or in custody, and takes it back."""
