"""The verbs. The only room that knows all the others."""
