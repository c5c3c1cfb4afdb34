"""Stand-ins for the services of actions and sensors."""
