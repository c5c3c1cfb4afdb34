from lib.commands import ChatAction


class Match(ChatAction):
    def run(self, text):
        alias, representation = self.match(text)
        return {
            "alias": {"name": alias.name, "pack": alias.pack, "action_ref": alias.action_ref},
            "representation": representation,
        }
