"""Grafana and Prometheus: dashboards made from `source/`, provisioning, scrape and alert rules."""
