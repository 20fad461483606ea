"""What several families of rules share."""
