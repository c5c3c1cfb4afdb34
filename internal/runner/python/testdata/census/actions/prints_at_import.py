print("at import")


def run():
    pass
