module tacit.example/interop

go 1.18
