"""The words that Moa Market is made of: people, places, products. All of them are invented."""

FIRST_NAMES = (
    "Aroha", "Hēmi", "Tāmati", "Mere", "Wiremu", "Ngaio", "Rāwiri", "Kiri", "Mānaaki", "Anahera",
    "Olivia", "Jack", "Isla", "Noah", "Charlotte", "Leo", "Amelia", "Lucas", "Mia", "George",
    "Grace", "Arlo", "Harriet", "Theo", "Ruby", "Finn", "Zoë", "José", "Anjali", "Priya",
    "Wei", "Mei", "Sione", "Losa", "Tevita", "Salote", "민준", "서연", "지우", "Björn",
)  # fmt: skip
LAST_NAMES = (
    "Walker", "Tūhoe", "Parata", "Smith", "Ngata", "Brown", "Tāwhai", "Wilson", "Pōmare", "Taylor",
    "Singh", "Patel", "Li", "Chen", "Fifita", "Taufa", "Kim", "Park", "O'Brien", "MacDonald",
    "Whaanga", "Hōhepa", "Jones", "Anderson", "Thompson", "Clarke", "Robinson", "Mitchell", "김", "이",
)  # fmt: skip
EMOJI = (" 🌻", " 🐧", " ❤️", " 🏉")
BLANK_NAMES = ("", "   ")
CITIES = (
    "Auckland", "Wellington", "Christchurch", "Hamilton", "Tauranga", "Dunedin", "Palmerston North",
    "Napier", "Nelson", "Rotorua", "Whangārei", "Taupō", "Invercargill", "Ōpōtiki", "Whanganui",
)  # fmt: skip
SEGMENTS = ("consumer", "business", "wholesale")

# city of the store, its region
STORES = (
    ("Auckland", "Auckland"), ("Albany", "Auckland"), ("Manukau", "Auckland"), ("Hamilton", "Waikato"),
    ("Tauranga", "Bay of Plenty"), ("Taupō", "Waikato"), ("Napier", "Hawke's Bay"),
    ("Wellington", "Wellington"), ("Nelson", "Nelson"), ("Christchurch", "Canterbury"),
    ("Dunedin", "Otago"), ("Whangārei", "Northland"),
)  # fmt: skip

# True category -> the five ways in which the shop and the supplier write it. No spelling is used twice.
CATEGORY_SPELLINGS = {
    "Electronics": ("Electronics", "elec", "Electronics ", "ELECTRONICS", "electronic"),
    "Home & Kitchen": ("Home & Kitchen", "home and kitchen", "Home&Kitchen", "HOME & KITCHEN", "kitchen"),
    "Garden": ("Garden", "garden", " Garden", "GARDEN", "Gardening"),
    "Toys": ("Toys", "toy", "Toys ", "TOYS", "Toys & Games"),
    "Sports": ("Sports", "sport", "sports ", "SPORTS", "Sports & Outdoors"),
    "Books": ("Books", "book", " Books", "BOOKS", "Bks"),
    "Grocery": ("Grocery", "groceries", "Grocery ", "GROCERY", "Food"),
    "Clothing": ("Clothing", "clothes", "clothing ", "CLOTHING", "Apparel"),
}
CATEGORIES = tuple(CATEGORY_SPELLINGS)
SPELLINGS = tuple(spelling for spellings in CATEGORY_SPELLINGS.values() for spelling in spellings)

PRODUCT_NOUNS = {
    "Electronics": ("Headphones", "Speaker", "Charger", "Keyboard", "Torch"),
    "Home & Kitchen": ("Kettle", "Saucepan", "Towel", "Lamp", "Teapot"),
    "Garden": ("Spade", "Planter", "Hose", "Kūmara seedlings", "Trellis"),
    "Toys": ("Puzzle", "Kite", "Building blocks", "Doll", "Board game"),
    "Sports": ("Rugby ball", "Tent", "Yoga mat", "Paddle", "Drink bottle"),
    "Books": ("Cookbook", "Atlas", "Novel", "Tramping guide", "Te reo Māori primer"),
    "Grocery": ("Mānuka honey", "Coffee beans", "Muesli", "Olive oil", "Hokey pokey"),
    "Clothing": ("Merino jersey", "Rain jacket", "Socks", "Beanie", "Swandri"),
}
PRODUCT_ADJECTIVES = ("Kea", "Tūī", "Kiwi", "Ruru", "Pūkeko", "Kākā", "Weka", "Takahē", "Pīwakawaka", "Moa")
BRANDS = ("Southern Cross", "Tasman", "Fernleaf", "Aotea & Co", "Long Cloud", "Kōwhai")

CHANNELS = ("store", "online")
ORDER_STATUSES = ("placed", "completed", "cancelled")
PAYMENT_STATUSES = ("captured", "failed")
REFUND_STATUSES = ("pending", "succeeded")
CARD_BRANDS = ("visa", "mastercard", "amex")
REFUND_REASONS = ("cancelled", "damaged", "wrong item", "changed mind")
