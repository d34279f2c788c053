"""Slack: a company's own app, over Socket Mode or the HTTP Events API."""
