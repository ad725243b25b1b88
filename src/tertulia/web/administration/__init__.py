"""The pages for administrators over HTTP: who may come in, and what they may ask."""
