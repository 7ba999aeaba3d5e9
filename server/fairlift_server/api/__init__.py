"""Transport: one file per service; read, call, write. The only package that speaks gRPC."""
