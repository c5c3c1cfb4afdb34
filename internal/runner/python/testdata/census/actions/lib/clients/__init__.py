NAME = "clients"
