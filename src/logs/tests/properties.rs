use proptest::prelude::*;

use crate::logs::query::{Column, Comparison, Expr, Function, Operator, Ordered, Query, Selected};
use crate::logs::{Aggregate, Bucket, Unit, parse};

fn text() -> impl Strategy<Value = Expr> {
    prop_oneof![
        any::<String>()
            .prop_filter("no NUL", |text| !text.contains('\0'))
            .prop_map(Expr::Text),
        "[a-z.'\\\\]{1,12}".prop_map(Expr::Attribute),
        Just(Expr::Column(Column::EventMessage)),
        Just(Expr::Column(Column::Source)),
    ]
}

fn number() -> impl Strategy<Value = Expr> {
    prop_oneof![
        any::<i32>().prop_map(|number| Expr::Integer(number.into())),
        (-1e9..1e9_f64).prop_map(|number| Expr::Decimal(number + 0.5)),
        text().prop_map(|text| Expr::Call(Function::ToInt32OrZero, vec![text])),
        moment().prop_map(|moment| Expr::Call(Function::UnixMillis, vec![moment])),
        (text(), text()).prop_map(|(one, other)| Expr::Call(Function::Position, vec![one, other])),
        (number_leaf(), number_leaf()).prop_map(|(one, other)| Expr::Arithmetic(
            Operator::Subtract,
            Box::new(one),
            Box::new(other)
        )),
    ]
}

fn number_leaf() -> impl Strategy<Value = Expr> {
    any::<i32>().prop_map(|number| Expr::Integer(number.into()))
}

fn moment() -> impl Strategy<Value = Expr> {
    prop_oneof![
        Just(Expr::Column(Column::Timestamp)),
        (0..4_000_000_000_000_000_i64).prop_map(Expr::Moment),
        (0..1000_i64).prop_map(|count| Expr::Arithmetic(
            Operator::Subtract,
            Box::new(Expr::Call(Function::Now, Vec::new())),
            Box::new(Expr::Interval(count, Unit::Minute))
        )),
        Just(Expr::Call(
            Function::StartOf(Bucket::Hour),
            vec![Expr::Column(Column::Timestamp)]
        )),
    ]
}

fn condition() -> impl Strategy<Value = Expr> {
    let compared =
        |comparison| move |(one, other)| Expr::Compare(comparison, Box::new(one), Box::new(other));
    let leaf = prop_oneof![
        (text(), text()).prop_map(compared(Comparison::NotEqual)),
        (number(), number()).prop_map(compared(Comparison::AtMost)),
        (moment(), moment()).prop_map(compared(Comparison::Greater)),
        (text(), "[a-z%_' ]{0,9}", any::<bool>(), any::<bool>()).prop_map(
            |(value, pattern, negated, insensitive)| Expr::Like {
                negated,
                insensitive,
                value: Box::new(value),
                pattern,
            }
        ),
        (text(), any::<bool>()).prop_map(|(value, negated)| Expr::IsNull {
            negated,
            value: Box::new(value),
        }),
        (
            text(),
            any::<bool>(),
            proptest::collection::vec("[a-z']{0,5}".prop_map(Expr::Text), 1..4)
        )
            .prop_map(|(value, negated, list)| Expr::In {
                negated,
                value: Box::new(value),
                list,
            }),
        (number(), any::<bool>(), number(), number()).prop_map(|(value, negated, low, high)| {
            Expr::Between {
                negated,
                value: Box::new(value),
                low: Box::new(low),
                high: Box::new(high),
            }
        }),
        (text(), "[a-z.*+]{0,2}").prop_map(|(text, _)| Expr::Call(
            Function::Match,
            vec![text, Expr::Text("a.*\\d+'".to_owned())]
        )),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::all),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::any),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    (
        (any::<bool>(), text(), moment()),
        proptest::option::of(condition()),
        any::<bool>(),
        (1..=1000_u64, 0..50_u64),
    )
        .prop_map(
            |((distinct, one, other), filter, gathered, (limit, offset))| {
                let column = |value, alias: &str| Selected {
                    value,
                    alias: Some(alias.to_owned()),
                };
                let counted = Expr::Aggregate(Aggregate::Count, None);
                let mut select = vec![column(one.clone(), "one"), column(other.clone(), "from")];
                let mut group_by = Vec::new();
                if gathered {
                    select.push(Selected {
                        value: counted,
                        alias: None,
                    });
                    group_by = vec![one.clone(), other.clone()];
                }
                Query {
                    distinct,
                    select,
                    filter,
                    group_by,
                    having: None,
                    order_by: vec![Ordered {
                        value: one,
                        descending: distinct,
                    }],
                    limit,
                    offset,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(query in query()) {
        let text = query.to_clickhouse();
        match parse(&text) {
            Ok(parsed) => {
                prop_assert_eq!(parsed.corrections, Vec::new());
                prop_assert_eq!(parsed.query, query, "{}", text);
            }
            // Long texts may make it longer than a query may be.
            Err(refused) => prop_assert!(text.len() > 4000, "{}: {}", text, refused),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(select |from |logs|edge_logs|where |[a-z(),.'\"`*=<>0-9 -]|\\PC){0,60}") {
        if let Ok(parsed) = parse(&text) {
            let printed = parsed.query.to_clickhouse();
            let again = parse(&printed);
            prop_assert_eq!(again.map(|again| again.query), Ok(parsed.query), "{}", printed);
        }
    }
}
