"""What answers: a graph in this process, or a replica."""
