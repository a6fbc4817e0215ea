"""Who may talk to whom. Pure: gives nftables resources."""
