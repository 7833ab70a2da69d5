"""The words that say how something is put and not what it is about."""

from __future__ import annotations

_ENGLISH = """
a about above after again all also am an and another any anybody anything are as at be
because been before being below between both but by can cannot could did do does doing
done down during each either else ever every few for from further get gets give given
gives go got had has have having he hello her here hers hi him his how however i if in
into is it its itself just know let lets like make makes many may me might mine more
most much must my need neither no nor not of off often on once one ones only or other
others our ours out over own per please quite rather really same say says shall she
should show since so some something such tell than thank thanks that the their theirs
them then there these they thing things this those though through thus to too under
until up upon us use used uses using very via want was we well were what when where
whether which while who whom whose why will with within without would yes yet you your
yours don't doesn't isn't aren't can't what's it's i'm explain describe mean means
example examples instance paper papers article articles
"""

_INDONESIAN = """
ada adalah agar akan aku amat anda antara apa apabila apakah atas atau bagaimana bagi
bagian bahkan bahwa banyak baru beberapa begini begitu belum berikan beri berupa bila
bisa boleh buat bukan cara coba cukup dahulu dalam dan dapat dari daripada demi dengan
di dia dua hal halo hanya harus hingga ia ialah ini itu itulah jadi jangan jelaskan jika
jelasin juga kah kalau kalian kami kamu kan kapan karena kasih ke kemudian kenapa kepada
ketika kita lagi lah lain lainnya lalu lebih maka mana manakah masih mau maupun melalui
mengapa mengenai menjadi menurut mereka merupakan misal misalnya mohon mungkin namun nya
oleh pada para paling per perlu pernah pun punya saat saja saling sama sampai sana sangat
satu saya sebab sebagai sebelum sebuah secara sedang sehingga sejak sekarang selain
selalu selama seluruh semua seorang seperti sering serta sesuatu setelah setiap siapa
suatu sudah supaya tanpa telah tentang terhadap terlalu tersebut tetapi tapi tiap tidak
tolong tentu tuh untuk yaitu yakni yang ya dipakai digunakan memakai menggunakan
maksud maksudnya artinya itukah nih dong sih ceritakan sebutkan tunjukkan
contoh contohnya makalah artikel
"""

ENGLISH = frozenset(_ENGLISH.split())
INDONESIAN = frozenset(_INDONESIAN.split())
