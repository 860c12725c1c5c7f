"""The compiled engine, in Numba (extra `fast`). Importing anything of this room imports Numba."""
