"""What a run has to say: verdict table, timeline, one HTML file that opens offline."""
