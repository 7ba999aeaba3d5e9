"""What is doubtful in campaigns that are valid: each module judges one part of a campaign."""
