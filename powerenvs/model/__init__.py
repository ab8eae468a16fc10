"""The frozen tables: of one agent, of several, and what is made of them. Imports nothing else of the package."""
