"""What tests of several services stand on: real servers, a whole platform of processes, a checker of completeness."""
