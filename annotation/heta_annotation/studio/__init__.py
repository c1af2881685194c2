"""Label Studio servers: installed, started and reached."""
