"""Widgets that paint text from outside as text, never as markup."""
