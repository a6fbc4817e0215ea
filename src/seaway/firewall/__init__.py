"""Who may talk to whom. Pure: gives nftables resources; what varies is an element, the frame stays."""
