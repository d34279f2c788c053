"""Discord: one bot for every guild that invites it, over the gateway and the REST API."""
