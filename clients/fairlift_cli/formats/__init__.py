"""How findings are printed: for people, for GitHub and GitLab, for dashboards and programs."""
