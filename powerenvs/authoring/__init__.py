"""What authors of worlds use: levels, moves, worlds, and the compiler that makes tables of them."""
