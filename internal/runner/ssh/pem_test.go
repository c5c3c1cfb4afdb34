package ssh

import "encoding/pem"

func pemText(b *pem.Block) string { return string(pem.EncodeToMemory(b)) }
