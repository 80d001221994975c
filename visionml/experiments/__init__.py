"""Two models under real traffic: which is better, how sure that is, whom to send more traffic."""
