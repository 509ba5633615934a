"""The pages of apps: their origins, tickets and what is known of who has them open."""
