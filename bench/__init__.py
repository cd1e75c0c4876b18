"""What `make bench` runs. Each bench writes its figures to out/bench/ and says them on the terminal."""
