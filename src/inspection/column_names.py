"""What shops call their columns, in five languages."""

import itertools
import re
import unicodedata

__all__ = ["CONCEPTS", "concepts_of", "plain_name"]

# Names without case, accents, blanks and signs; `concepts_of` takes the first concept that fits
CONCEPTS: dict[str, tuple[str, ...]] = {
    "order_id": tuple(
        "orderid orderno ordernumber ordernr orderref orderreference order ordername "
        "invoiceno invoiceid invoicenumber invoice basketid transactionid receiptid receiptno "
        "saleid salesorder documentno bookingid "
        "bestellnummer bestellnr bestellid auftragsnummer auftragsnr auftrag rechnungsnummer "
        "rechnungsnr belegnummer belegnr bonnummer numerocommande nocommande idcommande commande "
        "numerofacture facture numeropedido idpedido pedido numerofactura factura "
        "订单号 订单编号 订单id 订单 交易号 单号".split()
    ),
    "line_id": tuple(
        "lineid lineno linenumber orderlineid orderitemid itemid positionsnummer position pos "
        "numeroligne numerolinea 行号 订单行号 明细id".split()
    ),
    "customer_id": tuple(
        "customerid customerno customernumber customer custid clientid userid user memberid "
        "buyerid buyer householdid accountid shopperid shopper kundennr kundennummer kundenid "
        "kunde numeroclient idclient codeclient client idcliente numerocliente codigocliente "
        "cliente "
        "用户id 用户编号 客户id 客户编号 会员id 会员号 买家id 用户 客户".split()
    ),
    "product_id": tuple(
        "productid productno productcode productsku product sku itemno itemcode itemsku item "
        "articleid articleno articlenumber stockcode lineitemsku ean upc asin artikelnr "
        "artikelnummer artikelid artikel produktnummer produktid produkt refproduit reference "
        "idproduit codeproduit produit article idproducto codigoproducto producto articulo "
        "商品id 商品编号 商品编码 商品 产品id 产品编号 货号".split()
    ),
    "event_type": tuple(
        "eventtype event eventname action behavior behaviortype behaviour ereignis aktion "
        "evenement evento 行为 行为类型 事件 事件类型".split()
    ),
    "review_text": tuple(
        "reviewtext review comment comments reviewbody text bewertungstext kommentar avis "
        "commentaire resena comentario 评论 评论内容 评价 评价内容".split()
    ),
    "rating": tuple("rating stars score bewertung sterne note calificacion 评分 星级".split()),
    "rate": tuple("rate exchangerate kurs wechselkurs taux tipocambio 汇率".split()),
    "time": tuple(
        "orderedat orderdate orderdatetime ordertime invoicedate purchasedate purchasedat "
        "createdat created paidat date datetime timestamp time transactiontimestamp "
        "transactiondate day eventtime eventat eventdate reviewedat reviewdate datum bestelldatum "
        "rechnungsdatum kaufdatum zeitpunkt zeit datecommande dateachat horodatage fecha "
        "fechapedido fechacompra hora saledate salesdate soldat soldon sold orderedon orderplaced "
        "purchased placedat placedon when 下单时间 订单时间 "
        " 下单日期 订单日期 支付时间 付款时间 时间 日期 创建时间".split()
    ),
    "quantity": tuple(
        "lineitemquantity quantity qty qtysold quantitysold pieces units unitssold count menge "
        "anzahl stueck stuck stuckzahl quantite qte cantidad unidades 数量 件数 购买数量".split()
    ),
    "unit_price": tuple(
        "lineitemprice unitprice priceeach itemprice price einzelpreis stuckpreis preis "
        "prixunitaire prix preciounitario precio 单价 价格 商品单价".split()
    ),
    "line_value": tuple(
        "linevalue linetotal lineamount amount total totalamount salesvalue sales revenue "
        "netamount subtotal amountpaid pricepaid paidamount paid ordertotal grandtotal "
        "betrag summe gesamtbetrag gesamtpreis gesamt umsatz positionsbetrag "
        "positionspreis zeilensumme montant "
        "montanttotal totalligne importe importetotal monto 金额 总金额 "
        "订单金额 实付金额 支付金额 销售额 小计".split()
    ),
    "discount": tuple(
        "lineitemdiscount discount discountamount retaildisc rabatt nachlass remise reduction "
        "descuento 折扣 优惠 优惠金额 折扣金额".split()
    ),
    "coupon": tuple("coupon couponamount coupondisc gutschein bondereduction cupon 优惠券".split()),
    "currency": tuple("currency currencycode wahrung waehrung devise moneda 币种 货币".split()),
    "store_id": tuple(
        "storeid store shopid branch filiale magasin tienda 门店 门店id 店铺id".split()
    ),
    "session_id": tuple("sessionid session visitid usersession 会话id".split()),
    "user_agent": tuple("useragent browser".split()),
    "campaign_id": tuple("campaignid campaign kampagne campagne campana 活动id".split()),
    "product_name": tuple(
        "productname description itemname itemdescription lineitemname title producttitle "
        "artikelbezeichnung bezeichnung artikelname produktname nomproduit designation libelle "
        "nombreproducto descripcion 商品名称 商品名 产品名称".split()
    ),
    "category": tuple(
        "category productcategory categoryname producttype kategorie warengruppe categorie "
        "categoria 类目 分类 品类 商品类别".split()
    ),
    "department": tuple("department abteilung rayon departamento 部门".split()),
    "brand": tuple("brand vendor marke marque marca 品牌".split()),
    "list_value": tuple("listvalue listprice rrp msrp listenpreis uvp prixcatalogue".split()),
    "unit_cost": tuple(
        "unitcost costprice purchaseprice costperitem einkaufspreis prixachat "
        "成本 成本价 进价".split()
    ),
    "country": tuple("country countryname countrycode land pays pais 国家".split()),
    "region": tuple("region state province bundesland provincia 省份 省".split()),
    "city": tuple("city town stadt ville ciudad 城市".split()),
    "email": tuple("email emailaddress mail emailadresse courriel correo 邮箱 电子邮箱".split()),
    "phone": tuple(
        "phone phonenumber mobile telefon telefonnummer handy telephone telefono movil "
        "手机 手机号 电话".split()
    ),
    "first_name": tuple("firstname givenname vorname prenom nombre 名".split()),
    "last_name": tuple("lastname surname familyname nachname nom apellido apellidos 姓".split()),
    "postcode": tuple(
        "postcode postalcode zip zipcode plz postleitzahl codepostal codigopostal 邮编".split()
    ),
    "birth_date": tuple(
        "birthdate dateofbirth dob birthday geburtsdatum datenaissance fechanacimiento "
        "出生日期 生日".split()
    ),
    "has_email_consent": tuple(
        "acceptsmarketing emailconsent newsletter optin newsletteroptin marketingconsent "
        "einwilligung werbeeinwilligung".split()
    ),
    "refund_of": tuple("refundof originalorder originalorderid returnedorder".split()),
}
_BY_NAME = {name: concept for concept, names in reversed(CONCEPTS.items()) for name in names}
_ASIDE = frozenset(  # words that say how an amount is meant, or nothing
    "of the a an de du del des d la le in inc incl including excl excluding ex inkl exkl zzgl ohne "
    "mit vat tax taxes gst mwst ust tva ttc ht iva gross net brutto netto "
    "eur euro usd gbp chf cad aud cny rmb jpy pln sek nok dkk".split()
)
_MOST_WORDS = 3
_PRODUCT = frozenset("item product artikel produkt produit article producto articulo 商品".split())


def plain_name(name: str) -> str:
    """Name of a column without case, accents, blanks and signs.

    Examples
    --------
    >>> plain_name("Numéro de Commande"), plain_name("Kunden-Nr."), plain_name("订单号")
    ('numerodecommande', 'kundennr', '订单号')
    """
    folded = unicodedata.normalize("NFKD", name.casefold())
    kept = "".join(sign for sign in folded if not unicodedata.combining(sign))
    return re.sub(r"[\W_]+", "", kept)


def _wordings(name: str) -> list[str]:
    """Names that a column could as well have: without words set aside, in any order of words.

    Examples
    --------
    >>> _wordings("Total incl. VAT (EUR)"), _wordings("Date of sale")
    (['total'], ['datesale', 'saledate'])
    """
    found: dict[str, None] = {}
    for text in (name, re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)):
        words = [plain_name(word) for word in re.split(r"[\W_]+", text)]
        words = [word for word in words if word and word not in _ASIDE]
        if len(words) <= _MOST_WORDS:
            orders = itertools.permutations(words)
            found |= dict.fromkeys("".join(order) for order in orders if order)
    return list(found)


def _is_bare(column: str) -> bool:
    """Whether a column is called by a word for product alone."""
    return plain_name(column) in _PRODUCT


def concepts_of(columns: list[str], empty_shares: dict[str, float] | None = None) -> dict[str, str]:
    """Find what columns are, by their names.

    Of several that fit, the one with fewer empty values counts, then the more telling name.

    Parameters
    ----------
    columns : list of str
        Names in the file.
    empty_shares : dict of str to float, optional
        Share of empty values of each.

    Returns
    -------
    dict of str to str
        Concept to column, in the order of the columns.

    Examples
    --------
    >>> concepts_of(["InvoiceNo", "Numéro de client", "colour"])
    {'order_id': 'InvoiceNo', 'customer_id': 'Numéro de client'}
    """
    shares = empty_shares or {}
    ranks: dict[str, list[tuple[float, bool, int, str]]] = {}
    is_shopify = {"lineitemquantity", "lineitemprice"} <= {plain_name(name) for name in columns}
    for column in columns:
        name = plain_name(column)
        if name not in _BY_NAME:  # numéro de commande, fecha del pedido
            name = re.sub(r"d(?:el|e|u)(?=cli|com|ped|pro|fac|art|ach)", "", name)
        if is_shopify and name == "name":  # Shopify calls the order's number so
            name = "ordername"
        others = (other for other in _wordings(column) if other in _BY_NAME)
        known = name if name in _BY_NAME else next(others, None)
        if known is not None:
            concept = _BY_NAME[known]
            is_other = known != name  # a name as it stands tells more
            place = CONCEPTS[concept].index(known)
            rank = (round(shares.get(column, 0.0), 2), is_other, place, column)
            ranks.setdefault(concept, []).append(rank)
    found = {concept: min(fits)[-1] for concept, fits in ranks.items()}
    bare = next((fit[-1] for fit in sorted(ranks.get("product_id", [])) if _is_bare(fit[-1])), None)
    if bare is not None and bare != found["product_id"]:  # beside a code it is the name
        found.setdefault("product_name", bare)
    return dict(sorted(found.items(), key=lambda pair: columns.index(pair[1])))
