"""The cluster: shared facts kept in step with the store. The engine's verbs use it; it knows no container."""
