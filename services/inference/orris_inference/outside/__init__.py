"""The services that inference calls: what it needs of their contracts, in the domain's terms."""
