"""What the tests of named environments share: a token, and a campaign file."""

TOKEN = "fairlift_production_3Jk5pQ7sT9vW1xY3zA5bC7dE9fG1hJ3kL5mN7pQ9rS1tU3v"
PLAN = "plan: {primary: {metric: conversion_rate, minimum_effect: 5%}, planned_units: 40000}"
CAMPAIGN = f"variants: [{{id: a}}, {{id: b}}]\n{PLAN}\n"
