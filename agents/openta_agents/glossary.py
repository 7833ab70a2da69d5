"""Terms that readers ask for, Indonesian ones and short ones, and those that papers use."""

from __future__ import annotations

_PAIRS = """
pembelajaran mesin: machine learning
pembelajaran mendalam: deep learning
pembelajaran dalam: deep learning
pembelajaran penguatan: reinforcement learning
pembelajaran terawasi: supervised learning
pembelajaran tak terawasi: unsupervised learning
pembelajaran transfer: transfer learning
pembelajaran: learning
kecerdasan buatan: artificial intelligence
jaringan saraf: neural network
jaringan saraf tiruan: neural network
jaringan syaraf: neural network
konvolusi: convolutional
konvolusional: convolutional
rekuren: recurrent
perhatian: attention
mekanisme perhatian: attention mechanism
model bahasa: language model
model bahasa besar: large language model
bahasa alami: natural language
pemrosesan bahasa alami: natural language processing
penerjemahan: translation
terjemahan: translation
penerjemahan mesin: machine translation
temu kembali informasi: information retrieval
temu balik informasi: information retrieval
pencarian: search retrieval
mesin pencari: search engine
peringkat: ranking
pemeringkatan: ranking
vektor kata: word vectors embeddings
representasi kata: word representations embeddings
penyematan: embedding
klasifikasi: classification
regresi: regression
pengelompokan: clustering
penggugusan: clustering
pohon keputusan: decision tree
hutan acak: random forest
mesin vektor pendukung: support vector machine
penurunan gradien: gradient descent
propagasi balik: backpropagation
perambatan balik: backpropagation
pengoptimalan: optimization
optimasi: optimization
regularisasi: regularization
citra: image
gambar: image
pengenalan gambar: image recognition
pengenalan citra: image recognition
pengenalan wajah: face recognition
pengenalan ucapan: speech recognition
suara: speech audio
penglihatan komputer: computer vision
deteksi objek: object detection
pembangkit: generative
generatif: generative
difusi: diffusion
permainan: game
hadiah: reward
umpan balik manusia: human feedback
penyetelan: tuning
penyetelan halus: fine-tuning
tanya jawab: question answering
halusinasi: hallucination
penalaran: reasoning
rantai pemikiran: chain of thought
perangkat lunak: software
rekayasa perangkat lunak: software engineering
pengujian: testing
basis data: database
basis data relasional: relational database
data relasional: relational data
data besar: big data
sistem terdistribusi: distributed system
terdistribusi: distributed
konsensus: consensus
sistem berkas: file system
penyimpanan: storage
kendali versi: version control
utang teknis: technical debt
keterulangan: reproducibility
sains terbuka: open science
pengetahuan: knowledge
graf pengetahuan: knowledge graph
graf: graph
rekomendasi: recommendation
sistem rekomendasi: recommender system
privasi: privacy
keadilan: fairness
bias: bias
kumpulan data: dataset
himpunan data: dataset
pelatihan: training
pralatih: pre-training
prapelatihan: pre-training
ringkasan: summarization
peringkasan: summarization
perancangan: design
arsitektur: architecture
kode: code
ai: artificial intelligence
ml: machine learning
rl: reinforcement learning
nlp: natural language processing
llm: large language model
chatgpt: large language model
chatbot: dialogue language model
cnn: convolutional neural network
rnn: recurrent neural network
lstm: long short-term memory
gan: generative adversarial network
svm: support vector machine
rag: retrieval-augmented generation
picture: image
pictures: image
photo: image
photos: image
""".strip()

# Stop words stand in no key: a query loses them before it is looked up.
GLOSSARY = {
    asked: english for asked, _, english in (line.partition(": ") for line in _PAIRS.splitlines())
}
