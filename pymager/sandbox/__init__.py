"""The sandbox of worker processes, which a decoder that has been taken over cannot leave: `confinement` says what is in
force, and `landlock` and `seccomp` are its two parts. Limits on memory and CPU time are in `pymager.process_limits`.
"""
