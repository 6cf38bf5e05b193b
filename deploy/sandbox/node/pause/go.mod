// The process that holds a pod's namespaces; ../../control_plane/toolchain.py builds it.
module sandbox/node/pause

go 1.26.0
