"""Declarations at the registrar's node: importing files, registering, amending, voiding, and what a node knows of each."""
