"""The levels that are shipped, by name.

The layouts whose names DeepMind Lab has are its own (Beattie et al., arXiv 1612.03801, and its public repository), as
facts: which cells are free, and where things are. The walls of the three ``nav_maze_static`` levels are those of their
maps. Of ``seekavoid_arena_01`` and ``stairway_to_melon`` only the places of things are DeepMind Lab's: the first is put
on cells of 80 of its units, the second is drawn by the order of the places, and walls are ours; there are no heights.
The levels whose names begin with "explore" are what the generator settings of DeepMind Lab's levels of that name give
with seed 0. The others are ours.
"""

from __future__ import annotations

from powerenvs.worlds.labs.mazes import MAZES
from powerenvs.worlds.labs.shipped import Shipped

LEVELS: dict[str, Shipped] = {
    **MAZES,
    "make_map_from_text_demo": Shipped(
        """
**************
*G * A ***** *
**     *   * *
*****  I     *
*      *   * *
*  **  ***** *
*   *   *    *
******H*******
*        I P *
**************
""",
    ),
    "text_level_doc_example": Shipped(
        """
********
*a * x *****
**     *   *
 ****  I   *
    *  *   *
    *  *****
    *   *
******H*******
*        I P *
**************
""",
        """
..............
..............
........AAA...
........AAA...
........AAA...
..............
..............
..............
.CCCCCCCC.BBB.
""",
    ),
    "language_quantificationSmallMap": Shipped(
        """
.....O
P..OO
P..OO
.....O
""",
        """
CCCCCA
CCCDD
CCCDD
CCCCCB
""",
    ),
    "language_twoAreaMap": Shipped(
        """
O....O
..PP..
O....O
""",
        """
AAABBB
AAABBB
AAABBB
""",
    ),
    "language_twoRoomMap": Shipped(
        """
O..***..O
..P...P..
O..***..O
""",
        """
AAA...BBB
AAA...BBB
AAA...BBB
""",
    ),
    "language_fourRoomMap": Shipped(
        """
***O.O***
***...***
***.P.***
O..*.*..O
..P...P..
O..*.*..O
***.P.***
***...***
***O.O***
""",
        """
...AAA...
...AAA...
...AAA...
BBB...CCC
BBB...CCC
BBB...CCC
...DDD...
...DDD...
...DDD...
""",
    ),
    "language_sixRoomMap": Shipped(
        """
O..***..O
..P...P..
O..*.*..O
****.****
O..*.*..O
..P...P..
O..*.*..O
****.****
O..*.*..O
..P...P..
O..***..O
""",
        """
AAA...BBB
AAA...BBB
AAA...BBB
.........
CCC...DDD
CCC...DDD
CCC...DDD
.........
EEE...FFF
EEE...FFF
EEE...FFF
""",
    ),
    "keys_doors_red_herring_key": Shipped(
        """
***********
***********
**   I   **
**K  *G  **
*** *******
**   ******
**KP ******
***********
***********
""",
    ),
    "keys_doors_simple_trap": Shipped(
        """
***************
***************
**   I   I   **
**G  *KP *K  **
*******H*******
******   ******
******K  ******
***************
***************
""",
    ),
    "keys_doors_trap": Shipped(
        """
***************
***************
**   I P *   **
**  K*   *G  **
******* ***H***
******   I   **
******K  *K  **
***************
***************
""",
    ),
    "seekavoid_arena_01": Shipped(
        """
**********
*   AL   *
*L A  AAA*
*A  L  A *
*    PAL *
* LA  L  *
*A A   AA*
* L   A  *
*A   L   *
**********
""",
        pickups={"A": "apple_reward", "L": "lemon_reward"},
    ),
    "stairway_to_melon": Shipped(
        """
********
*W*AAAA*
* ****A*
* ****A*
* ****A*
* ****A*
* ****A*
* ****A*
*LPAAAA*
********
""",
        pickups={"A": "apple_reward", "L": "lemon_reward", "W": "watermelon_goal"},
    ),
    "corridors": Shipped(
        """
*********
*P  *  A*
*** * ***
*   *   *
* ***** *
*      G*
*********
""",
        """
.........
.AAA.BBB.
...A.B...
.AAA.BBB.
.A.....B.
.ACCCCCB.
.........
""",
    ),
    "small_maze": Shipped(
        """
*******
*   * *
* *** *
*     *
* * ***
* *   *
*******
""",
        """
.......
.A.B.C.
.......
.D.E.F.
.......
.G.H.I.
.......
""",
        walls="thin",
        randomise=("spawn", "goal"),
    ),
    "small_maze_alike": Shipped(
        """
*******
*   * *
* *** *
*     *
* * ***
* *   *
*******
""",
        walls="thin",
        randomise=("spawn", "goal"),
    ),
    "small_arena": Shipped(
        """
******
*P A *
* L  *
*   A*
******
""",
        pickups={"A": "apple_reward", "L": "lemon_reward"},
    ),
    "small_room": Shipped(
        """
*****
*P O*
* O *
*O O*
*****
""",
    ),
    "explore_goal_locations_small": Shipped(
        """
***********
*    GPP  *
* *  G P* *
* *PP GG* *
* *** *** *
* *GPP    *
* *GPP*** *
* *GPG PGP*
* *** *PGP*
*      PGG*
***********
""",
        """
...........
...AAAAA...
...AAAAA...
...AAAAA...
...........
...AAA.....
...AAA.....
...AAA.AAA.
.......AAA.
.......AAA.
...........
""",
        randomise=("goal",),
    ),
    "explore_obstructed_goals_small": Shipped(
        """
***********
* I  GPPI *
* *  G P* *
* *PP GG* *
* ***H*** *
* *GPPI   *
* *GPP***H*
* *GPGIPGP*
* ***H*PGP*
*     IPGG*
***********
""",
        """
...........
...AAAAA...
...AAAAA...
...AAAAA...
...........
...AAA.....
...AAA.....
...AAA.AAA.
.......AAA.
.......AAA.
...........
""",
        randomise=("goal",),
    ),
    "explore_goal_locations_large": Shipped(
        """
*****************
*******PPG*******
*******GPP*******
*PGG***PGG      *
*PPG*** ******* *
*GPP       PPP* *
*** * *****GGP* *
*GPG  *GPP GPG* *
*PPP* *PGG* *** *
*GPG*  PPG      *
***** *** * * ***
***      PPP*   *
*** *** *GGG*** *
*PGP*PPG GPP PPG*
*PPP*PGG*** *PGP*
*GGG PPG     GPG*
*****************
""",
        """
.................
.......AAA.......
.......AAA.......
.AAA...AAA.......
.AAA.............
.AAA.......AAA...
...........AAA...
.AAA...AAA.AAA...
.AAA...AAA.......
.AAA...AAA.......
.................
.........AAA.....
.........AAA.....
.AAA.AAA.AAA.AAA.
.AAA.AAA.....AAA.
.AAA.AAA.....AAA.
.................
""",
        randomise=("goal",),
    ),
    "explore_object_rewards": Shipped(
        """
*************
*O  O       *
*           *
*      OO   *
*           *
*    OP     *
*O    O     *
*           *
*           *
*           *
* O         *
*           *
*************
""",
        """
.............
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.AAAAAAAAAAA.
.............
""",
    ),
}
