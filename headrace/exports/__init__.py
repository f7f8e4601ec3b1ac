"""What operators put into their own tools: Prometheus, Alertmanager, Grafana."""
